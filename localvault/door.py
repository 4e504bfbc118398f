"""The one door: authorise → run inside one store transaction → journal the outcome.

Relies on `operations` (the table), `access` (the decision), `store` (the transaction) and `journal` (the event).
Promises: nothing else opens a write transaction on objects; nothing is returned before its event is in the journal or
the spool (fail closed); denied and failed operations are events too; a mutation and its event commit together or not
at all; the notices of an operation are handed over once it is committed, and never if it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import get_ident
from time import perf_counter_ns
from typing import Any, Concatenate, ParamSpec, TypeVar

from localvault.access.decide import OWNER, Access
from localvault.calls import Apart, Batch, Call, Look
from localvault.errors import AccessDenied, BadParameter, LocalVaultError, VaultError
from localvault.journal.journal import Fields, Journal
from localvault.model.clock import Clock
from localvault.operations import VAULT_BATCH, Operation
from localvault.records import Batches, Mutation, Records, Sealers
from localvault.store.protocol import Store, WriteTxn

P = ParamSpec("P")
T = TypeVar("T")

# What ties the events of one request together; a face sets it for the request it serves.
correlation: ContextVar[str | None] = ContextVar("localvault_correlation", default=None)


class Door:
    """Runs every operation of one open vault."""

    def __init__(
        self, store: Store, sealers: Sealers, journal: Journal, access: Access, clock: Clock
    ) -> None:
        self._store = store
        self._read = store.read
        self._sealers = sealers
        self._journal = journal
        self._access = access
        self._clock = clock
        self._batch: Batch | None = None
        self._principal = OWNER
        self.deliver: Callable[[list[Any]], None] = _to_nobody
        """Takes the notices of what was committed; no lock is held meanwhile, and it does not raise."""

    @property
    def read_only(self) -> bool:
        """Whether no operation can write."""
        return self._store.read_only

    def read(
        self,
        operation: Operation,
        target: str,
        body: Callable[Concatenate[Call, Records, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `body(call, records, …)` on one snapshot and return its result once the event is in the spool.

        Raises:
            AccessDenied: the principal may not.
            JournalUnavailable: the event could not be written; the result is withheld.
            LocalVaultError: whatever `body` raises, journalled as a failure.
        """
        started = perf_counter_ns()
        call = Call(self._clock())
        try:
            self._access.require(self._principal, operation.data_action, target)
            batch = self._batch
            if batch is None or batch.thread != get_ident():
                with self._read() as txn:
                    result = body(call, Records(txn, self._sealers), *args, **kwargs)
            else:
                result = body(call, Records(batch.txn, self._sealers), *args, **kwargs)
        except BaseException as error:
            self._note_failure(operation, target, call, started, error)
            raise
        self._journal.note(self._fields(operation, target, call, started, "Success", None))
        return result

    def allow(
        self,
        operation: Operation,
        target: str,
        body: Callable[Concatenate[Call, Records, P], object],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Return if what was handed out by an operation, and told of then, may be used once more: see `DataKey`.

        Authorises and runs `body` on one snapshot, which raises if it may not. Only a refusal is told: whoever has a
        data key uses it a million times, and its making or opening was the event.

        Raises:
            AccessDenied: the principal may not.
            LocalVaultError: whatever `body` raises, journalled as a failure of `operation`.
        """
        started = perf_counter_ns()
        call = Call(self._clock())
        try:
            self._access.require(self._principal, operation.data_action, target)
            batch = self._own_batch()
            if batch is not None:
                body(call, Records(batch.txn, self._sealers), *args, **kwargs)
                return
            with self._read() as txn:
                body(call, Records(txn, self._sealers), *args, **kwargs)
        except BaseException as error:
            self._note_failure(operation, target, call, started, error)
            raise

    def write(
        self,
        operation: Operation,
        target: str,
        body: Callable[Concatenate[Call, Mutation, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `body(call, mutation, …)` in one write transaction that commits together with its event.

        Raises:
            AccessDenied: the principal may not.
            StoreFull, StoreBusy: nothing was written.
            LocalVaultError: whatever `body` raises, journalled as a failure.
        """
        started = perf_counter_ns()
        call = Call(self._clock())

        def attempt(txn: WriteTxn, batches: Batches | None = None) -> T:
            call.notices = None  # a body that is run again has not done what it did the first time
            mutation = Mutation(txn, self._sealers, batches)
            result = body(call, mutation, *args, **kwargs)
            writes = mutation.apply()
            self._journal.append(txn, self._fields(operation, target, call, started, "Success", None), writes)
            return result

        try:
            self._access.require(self._principal, operation.data_action, target)
            batch = self._own_batch()
            if batch is not None:
                result = batch.run(attempt)
                batch.notices += call.notices or ()
                return result
            result = self._store.transact(attempt)
        except BaseException as error:
            self._note_failure(operation, target, call, started, error)
            raise
        self._journal.committed()
        if call.notices is not None:
            self.deliver(call.notices)
        return result

    def write_each(
        self,
        operation: Operation,
        targets: Sequence[str],
        body: Callable[Concatenate[list[Call], Mutation, P], Sequence[Sequence[bytes]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """As `write` of each target, but in one mutation: `body(calls, mutation, …)` does it for all of them at once.

        It returns for each call which places (`table (1) | key`) it wrote: each target has an event of its own, which
        tells of these. Sealing many records together is what makes thousands of operations a matter of a second.

        Raises as `write`; then nothing was written of any.
        """
        started = perf_counter_ns()
        now = self._clock()
        calls = [Call(now) for _ in targets]

        def attempt(txn: WriteTxn, batches: Batches | None = None) -> None:
            mutation = Mutation(txn, self._sealers, batches)
            written = mutation.apply_each(body(calls, mutation, *args, **kwargs))
            for target, call, writes in zip(targets, calls, written, strict=True):
                self._journal.append(
                    txn, self._fields(operation, target, call, started, "Success", None), writes
                )

        try:
            for target in targets:
                self._access.require(self._principal, operation.data_action, target)
            with self.together():
                batch = self._own_batch()
                assert batch is not None, "this thread has just opened it"
                batch.run(attempt)
                batch.notices += [notice for call in calls for notice in call.notices or ()]
        except BaseException as error:
            for target, call in zip(targets, calls, strict=True):
                self._note_failure(operation, target, call, started, error)
            raise

    @property
    def in_batch(self) -> bool:
        """Whether this thread has a batch open, and with it the one write transaction there can be."""
        return self._own_batch() is not None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Put every mutation this thread makes in the `with` block into one transaction and one sync.

        Other writers wait meanwhile. If the block raises, nothing of it is written.

        Raises:
            BadParameter: inside another batch of this thread.
            StoreFull, StoreBusy: nothing was written.
        """
        if self._own_batch() is not None:
            raise BadParameter("a batch cannot be opened inside a batch")
        started = perf_counter_ns()
        call = Call(self._clock())
        call.count = 0
        try:
            with self._store.write() as txn:
                self._batch = batch = Batch(txn)
                try:
                    with self._journal.gathering(txn):
                        yield
                        if batch.broken is not None:
                            raise batch.broken
                finally:
                    self._batch = None
                    call.count = batch.count
        except BaseException as error:
            self._note_failure(VAULT_BATCH, "/", call, started, error)
            raise
        self._journal.committed()
        if batch.notices:
            self.deliver(batch.notices)

    @contextmanager
    def together(self) -> Iterator[None]:
        """As `batch`; inside a batch of this thread, a part of that one.

        Raises as `batch`.
        """
        if self._own_batch() is not None:
            yield
            return
        with self.batch():
            yield

    @contextmanager
    def preparing(self, operation: Operation, target: str) -> Iterator[Look]:
        """Authorise, in the `with` block, what an operation does before its transaction; its success is told later.

        What fails there is journalled as the operation's own failure: a wrong passphrase tried is not to go unseen.
        The block gets a function that reads for it, `look(body)`, as `read` does but for the event.

        Raises:
            AccessDenied: the principal may not; it has been journalled.
        """
        with self.apart(operation, target) as work:
            yield work.look

    @contextmanager
    def apart(self, operation: Operation, target: str) -> Iterator[Apart]:
        """Authorise an operation whose work takes so long that no transaction should be open meanwhile.

        A read transaction of minutes keeps the store from using again any page that is given up in that time. So the
        block looks up what it needs with `.look(body)`, works, and calls `.tell()` when everything is done but handing
        out the result: that journals the success, with what `.call` tells by then. Handing out comes last, so nothing
        is out without its event; a process that dies in between has told of a result nobody got.

        Raises:
            AccessDenied: the principal may not; it has been journalled.
            JournalUnavailable: by `.tell()`: the event could not be written; the result must be withheld.
            LocalVaultError: whatever the block raises, journalled as a failure.
        """
        started = perf_counter_ns()
        call = Call(self._clock())

        def look(body: Callable[[Call, Records], T]) -> T:
            batch = self._own_batch()
            if batch is not None:
                return body(call, Records(batch.txn, self._sealers))
            with self._read() as txn:
                return body(call, Records(txn, self._sealers))

        def tell() -> None:
            self._journal.note(self._fields(operation, target, call, started, "Success", None))

        try:
            self._access.require(self._principal, operation.data_action, target)
            yield Apart(call, look, tell)
        except BaseException as error:
            self._note_failure(operation, target, call, started, error)
            raise

    def note(self, operation: Operation, target: str, details: dict[str, Any] | None = None) -> None:
        """Authorise and journal an operation that needs no transaction of the door's, such as opening the vault.

        Raises:
            AccessDenied: the principal may not; it has been journalled.
            JournalUnavailable: the event could not be written; what was asked for must not be done.
        """
        started = perf_counter_ns()
        call = Call(self._clock())
        call.details = details
        try:
            self._access.require(self._principal, operation.data_action, target)
        except AccessDenied as error:
            self._note_failure(operation, target, call, started, error)
            raise
        self._journal.note(self._fields(operation, target, call, started, "Success", None))

    def _own_batch(self) -> Batch | None:
        batch = self._batch
        return batch if batch is not None and batch.thread == get_ident() else None

    def _note_failure(
        self, operation: Operation, target: str, call: Call, started: int, error: BaseException
    ) -> None:
        result = "Denied" if isinstance(error, AccessDenied) else "Failure"
        code = error.code if isinstance(error, LocalVaultError) else type(error).__name__
        # The caller gets the error it is about: a spool that cannot be written withholds no result here.
        with suppress(VaultError):
            self._journal.note(self._fields(operation, target, call, started, result, code))

    def _fields(
        self, operation: Operation, target: str, call: Call, started: int, result: str, code: str | None
    ) -> Fields:
        version = call.version
        return (
            call.now,
            operation.name,
            self._principal,
            target if call.target is None else call.target,
            None if version is None else version.hex(),
            result,
            code,
            (perf_counter_ns() - started) // 1000,
            correlation.get(),
            call.count,
            call.details,
        )


def _to_nobody(notices: list[Any]) -> None:
    """Where notices go while nothing has subscribers."""
