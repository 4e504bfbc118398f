"""Other libraries' ways of asking for a key, answered by a vault; each file needs the library it is named for."""
