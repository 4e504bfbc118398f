"""What a key can do: the crypto verbs of Azure's client, and tokens that outlive rotations."""
