"""Who may do what, on which scope."""
