"""The store: opaque records in order, in transactions, on disk.

Call `LmdbStore.create` or `LmdbStore.open` (module `lmdb`), then `read`, `transact` and `write`. `protocol` says what
any other engine must do to stand in its place; `layout` has the tables.
"""
