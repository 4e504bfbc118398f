"""What secrets and keys (and later certificates) have in common: names, versions, deletion, backup, listing."""
