"""A caller's store of tokens, wrapped data keys or sealed files, moved to a key's current version: see `walker`."""
