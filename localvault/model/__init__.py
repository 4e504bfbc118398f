"""Plain data: names, ids, times, properties, results, and the types that show no secret.

Relies on `errors` alone and on no third-party package. Promises: everything here is immutable to the caller, and
nothing here prints a secret.
"""
