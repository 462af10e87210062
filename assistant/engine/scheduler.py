"""Many answers at once: who takes part in the next step, and what happens to them after it.

A step is one batch: the next tokens of all answers that are being written, then pieces of prompts, first come first
served, so small that nobody who is being answered waits long. Answers with other adapters take turns. Knows slots,
sequences and time; knows nothing of sockets. `submit` and `cancel` may be called from any thread, `step` from one.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator

from rushlight import Error, Progress
from rushlight.assistant.engine.computing import Computing
from rushlight.assistant.engine.llama import ABORTED, NO_ROOM, SUCCESS, decode_error
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.lora import AdapterSet
from rushlight.assistant.engine.prepare import Prepared
from rushlight.assistant.engine.slot import FRAME_S, Slot, Ticket
from rushlight.assistant.events import Finished, Usage

STALL_S = 0.15  # how long a piece of a prompt may hold up answers that are being written
_PIECE_S = 0.35  # and others that wait for their first word, or for leave to go
_LEAST_CHUNK = 32
_TURN_S = 0.25  # of one set of adapters while others wait
_LONGEST_FRAME_S = 0.1
_AHEAD_TOKENS = 32  # room that an answer should find when it starts beside others
_SCATTERED, _FEW_CELLS = 1.5, 64  # who is alone again with so many empty cells among its own is moved together
_HELD_S = 0.02  # between two looks at answers whose readers are slow


class Scheduler:
    """The slots of one loaded model and the requests that wait for one."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.n_slots = min(loaded.settings.n_slots, loaded.context.n_sequences, loaded.context.n_batch)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._ready: deque[tuple[Ticket, Prepared, float]] = deque()
        self._works: deque[tuple[Ticket, Iterator[AdapterSet]]] = deque()  # done piece by piece between the steps
        self._is_working = False  # the first of them has begun, and holds a sequence
        self._working_with: AdapterSet = ()
        self._suspended: deque[Slot] = deque()  # made room for older ones; they come before the ready
        self.slots: list[Slot] = []  # running, in order of arrival
        self._news = False  # somebody came, or wants to leave
        self._computing = Computing(loaded)
        self._turn: AdapterSet = ()
        self._turn_began = 0.0
        self._served: dict[AdapterSet, float] = {}
        self._most_cells = 0  # that several answers held together since one was last alone
        self._prompt_speed = 400.0  # tokens a second; a guess until the first piece was computed

    # --- from any thread ----------------------------------------------------------------------------------------
    def submit(self, ticket: Ticket, prepared: Prepared, prepare_s: float = 0.0) -> None:
        """Answer this as soon as a slot is free."""
        with self._changed:
            self._ready.append((ticket, prepared, prepare_s))
            self._news = True
            self._changed.notify()

    def submit_work(self, ticket: Ticket, work: Iterator[AdapterSet]) -> None:
        """Do something else with the context, a piece between two steps, after each of which it tells its adapters. It
        looks at `ticket.is_cancelled` itself."""
        with self._changed:
            self._works.append((ticket, work))
            self._news = True
            self._changed.notify()

    def cancel(self, ticket: Ticket) -> None:
        """End an answer at the next step; at once where nobody else is computed with it."""
        with self._changed:
            ticket.is_cancelled = True
            self._news = True
            self._changed.notify()
        self._computing.stop_cancelled()

    # --- the engine's thread ------------------------------------------------------------------------------------
    @property
    def is_idle(self) -> bool:
        return not (self.slots or self._suspended or self._ready or self._works)

    def adapters_in_use(self) -> list[AdapterSet]:
        """Those of all answers that are being written, and of the other work that has begun."""
        return [self._working_with, *(slot.adapters for slot in (*self.slots, *self._suspended))]

    def wait(self) -> None:
        """Until there is something to do."""
        with self._changed:
            while not (self._ready or self._suspended or self.slots or self._works):
                self._changed.wait()
            if (
                self.slots
                and not self._news
                and not self._can_work
                and not any(slot.ticket.can_send() for slot in self.slots)
            ):
                self._changed.wait(_HELD_S)

    def step(self) -> None:
        """One batch, or one answer for as long as it is alone."""
        self._news = False
        self._cancel_waiting()
        if self._computing.is_stopped_outside:
            for slot in self.slots:
                slot.ticket.is_cancelled = True
        for slot in [slot for slot in self.slots if slot.ticket.is_cancelled]:
            self._end(slot, "cancelled")
        self._work_on()
        self._admit()
        slots = self._whose_turn()
        if not slots:
            return
        self._loaded.adapters.activate(slots[0].adapters)
        is_alone = len(self.slots) == 1 and not self._can_work
        if is_alone and slots[0].is_writing and len(slots[0].todo) == 1:
            self._alone(slots[0])
        else:
            self._together(slots)

    @property
    def _can_work(self) -> bool:
        """Whether each step does a piece of other work: one has begun, or there is a sequence for the next."""
        return bool(self._works) and (self._is_working or len(self.slots) < self.n_slots)

    def _work_on(self) -> None:
        """A piece of the first of the other works, if there is a sequence for it."""
        if not self._can_work:
            return
        ticket, work = self._works[0]
        self._is_working = True
        self._computing.clear_flag()  # of an answer that was stopped: this work was not
        try:
            self._working_with = next(work)
            return
        except StopIteration:
            pass
        except Exception as err:
            if isinstance(err, Error) and err.kind == "stopped":
                _say_cancelled(ticket)
            else:
                ticket.fail(err)
        self._works.popleft()
        self._is_working, self._working_with = False, ()
        ticket.done()

    # --- coming and going ---------------------------------------------------------------------------------------
    def _cancel_waiting(self) -> None:
        with self._lock:
            gone = [entry for entry in self._ready if entry[0].is_cancelled]
            for entry in gone:
                self._ready.remove(entry)
            # The one that has begun looks itself, and gives its sequence back.
            unbegun = [entry for entry in list(self._works)[self._is_working :] if entry[0].is_cancelled]
            for waiting in unbegun:
                self._works.remove(waiting)
        for ticket, prepared, _prepare_s in gone:
            _say_cancelled(ticket, len(prepared.token_ids))
            ticket.done()
        for ticket, _work in unbegun:
            _say_cancelled(ticket)
            ticket.done()
        for slot in [slot for slot in self._suspended if slot.ticket.is_cancelled]:
            self._suspended.remove(slot)
            self._end(slot, "cancelled")

    def _admit(self) -> None:
        while len(self.slots) + self._is_working < self.n_slots:
            if self._suspended:
                if not self._has_room(len(self._suspended[0].tokens)):
                    return
                slot = self._suspended.popleft()
            else:
                with self._lock:
                    if not self._ready or not self._has_room(len(self._ready[0][1].token_ids)):
                        return
                    ticket, prepared, prepare_s = self._ready.popleft()
                slot = Slot(self._loaded, ticket, prepared, prepare_s)
            self.slots.append(slot)
            try:
                self._open(slot)
            except Exception as err:
                self._fail(slot, err)

    def _has_room(self, n_tokens: int) -> bool:
        """Whether a new one would likely not have to make room again soon. Alone it may have everything."""
        if not self.slots:
            return not (self._is_working and self._suspended)  # who made room for other work waits for its end
        n_used = sum(len(slot.tokens) - slot.n_shared for slot in self.slots)
        return n_used + n_tokens + _AHEAD_TOKENS * (len(self.slots) + 1) <= self._loaded.context.n_ctx

    def _open(self, slot: Slot) -> None:
        loaded, request = self._loaded, slot.prepared.request
        if slot.prefix is None:
            for notice in slot.prepared.notices:
                slot.ticket.send(notice)
            slot.adapters = loaded.adapters.load(request.lora, self.adapters_in_use())
        opened = loaded.memory.open(
            slot.tokens,
            slot.adapters,
            use_cache=request.cache_prompt or slot.prefix is not None,
            key=request.cache_key if slot.prefix is None else "",
        )
        slot.opened(opened.prefix, opened.n_cached, opened.n_shared)

    def _end(self, slot: Slot, reason: str) -> None:
        slot.reason = reason
        slot.finish()
        self._leave(slot, slot.prepared.request.cache_key)
        slot.ticket.done()
        ngrams = self._loaded.ngrams
        if ngrams is not None and slot.speculator is not None and slot.prepared.request.cache_prompt:
            ngrams.learn(slot.tokens[slot.n_prompt :])

    def _fail(self, slot: Slot, err: Exception) -> None:
        self._leave(slot)
        slot.ticket.fail(err)
        slot.ticket.done()

    def _leave(self, slot: Slot, key: str = "") -> None:
        if slot in self.slots:
            self.slots.remove(slot)
            if slot.prefix is not None:
                self._loaded.memory.close(slot.prefix, key)
        slot.close()

    # --- whose turn it is ---------------------------------------------------------------------------------------
    def _whose_turn(self) -> list[Slot]:
        """The running slots with one set of adapters; those whose readers are slow are left out."""
        able = [slot for slot in self.slots if slot.ticket.can_send()]
        sets = {slot.adapters for slot in able}
        if len(sets) <= 1:
            self._turn = next(iter(sets), self._turn)
            return able
        now = time.monotonic()
        if self._turn not in sets or now - self._turn_began > _TURN_S:
            self._served[self._turn] = now
            self._served = {one: at for one, at in self._served.items() if one in sets}
            self._turn = min(sets - {self._turn}, key=lambda one: self._served.get(one, 0.0))
            self._turn_began = now
        return [slot for slot in able if slot.adapters == self._turn]

    # --- computing ----------------------------------------------------------------------------------------------
    def _together(self, slots: list[Slot]) -> None:
        """One batch for several, or a piece of a prompt."""
        loaded = self._loaded
        context = loaded.context
        if len(self.slots) > 1:
            self._most_cells = max(self._most_cells, sum(len(slot.tokens) for slot in self.slots))
        writing = [slot for slot in slots if slot.is_writing]
        budget = context.n_batch - len(writing)
        parts: list[tuple[Slot, int, int]] = []  # slot, tokens, row of the last of them
        context.start_batch()
        for slot in writing:
            n = min(len(slot.todo), budget + 1, 1 + self._chunk(is_writing=True))
            budget -= n - 1
            parts.append((slot, n, self._add(slot, n)))
        n_prompt = 0
        n_allowed = min(budget, self._chunk(is_writing=bool(writing)))
        for slot in slots:
            n = 0 if slot.is_writing else min(len(slot.todo), n_allowed - n_prompt)
            if n > 0:
                n_prompt += n
                parts.append((slot, n, self._add(slot, n)))
        kind: int | str | None = len(parts) if not n_prompt else "prompt" if n_prompt >= _LEAST_CHUNK else None
        if n_prompt:
            loaded.flag.watch(True)
        try:
            who = tuple(slot for slot, _n, _row in parts)
            code = self._computing.run(who, context.decode_batch, kind, max(1, n_prompt))
        finally:
            if n_prompt:
                loaded.flag.watch(False)
        if code != SUCCESS:
            self._failed(code, parts)
            return
        if kind == "prompt":
            spent_s = max(self._computing.ended - self._computing.began, 1e-6)
            self._prompt_speed += 0.5 * (n_prompt / spent_s - self._prompt_speed)
        frame_s = min(_LONGEST_FRAME_S, FRAME_S * len(self.slots))
        for slot, n, row in parts:
            self._computed(slot, n, row, frame_s)

    def _add(self, slot: Slot, n: int) -> int:
        assert slot.prefix is not None
        is_last = n == len(slot.todo)
        return self._loaded.context.add(
            slot.todo[:n], slot.prefix.sequence, len(slot.prefix.token_ids), 1 if is_last else 0
        )

    def _computed(self, slot: Slot, n: int, row: int, frame_s: float) -> None:
        """The first `n` tokens of a slot's todo are in memory; move it on."""
        assert slot.prefix is not None
        slot.prefix.extend(slot.todo[:n])
        del slot.todo[:n]
        try:
            if not slot.is_writing and slot.is_long:
                slot.ticket.send(Progress("prompt", slot.n_prompt - len(slot.todo), slot.n_prompt, "tokens"))
            if slot.todo:
                return
            if not slot.is_writing:
                slot.begin_writing(row)
            slot.proceed(row, (), frame_s)
        except Exception as err:
            self._fail(slot, err)
            return
        if slot.reason:
            self._end(slot, slot.reason)

    def _alone(self, slot: Slot) -> None:
        """One answer, token by token, until something else is to be done. The path of a single user."""
        context, flag, ticket = self._loaded.context, self._loaded.flag, slot.ticket
        prefix, todo = slot.prefix, slot.todo
        assert prefix is not None
        is_scattered = self._most_cells > _SCATTERED * len(prefix.token_ids) + _FEW_CELLS
        self._most_cells = 0
        if is_scattered and not self._loaded.memory.compact(prefix):
            slot.todo = slot.tokens[:]
            return
        sequence, known = prefix.sequence, prefix.token_ids
        run, decode_one, costs, who = self._computing.run, context.decode_one, self._loaded.costs, (slot,)
        code = SUCCESS
        self._computing.clear_flag()
        try:
            while not (self._news or flag.is_set()) and ticket.can_send() and len(todo) == 1:
                drafts = slot.draft(time.monotonic())
                if drafts:
                    code = self._check_drafts(slot, drafts)
                else:
                    n_threads = context.n_threads
                    code = run(who, lambda: decode_one(todo[0], sequence), 1)
                    if code == SUCCESS:
                        known.append(todo.pop())
                        ended = self._computing.ended
                        costs.note(1, ended - self._computing.began, ended, n_threads)
                        slot.proceed(-1, (), FRAME_S)
                if code != SUCCESS or slot.reason:
                    break
        except Exception as err:
            self._fail(slot, err)
            return
        if code != SUCCESS:
            self._failed(code, [(slot, 1, 0)])
        elif slot.reason:
            self._end(slot, slot.reason)

    def _check_drafts(self, slot: Slot, drafts: list[int]) -> int:
        """One batch of the next token and of guesses at what follows it."""
        context, prefix = self._loaded.context, slot.prefix
        assert prefix is not None
        tokens = [*slot.todo, *drafts]
        context.start_batch()
        row = context.add(tokens, prefix.sequence, len(prefix.token_ids), len(tokens))
        n_threads = context.n_threads
        code = self._computing.run((slot,), context.decode_batch, len(tokens))
        if code != SUCCESS:
            return code
        ended = self._computing.ended
        self._loaded.costs.note(len(tokens), ended - self._computing.began, ended, n_threads)
        prefix.extend(tokens)
        slot.todo.clear()
        n_kept = len(prefix.token_ids) - len(drafts)
        n_accepted = slot.proceed(row - len(drafts), drafts, FRAME_S)
        if not prefix.cut(n_kept + n_accepted):
            slot.todo[:] = slot.tokens  # nothing is left of it
        return SUCCESS

    def _failed(self, code: int, parts: list[tuple[Slot, int, int]]) -> None:
        """A batch was not computed: agree with what llama.cpp kept of it, and see who can go on."""
        loaded = self._loaded
        for slot, n, _row in parts:
            assert slot.prefix is not None
            slot.prefix.repair(slot.todo[:n])
            slot.todo = slot.tokens[len(slot.prefix.token_ids) :]
        if code == ABORTED:
            return  # the next step sees who was cancelled
        if code == NO_ROOM:
            if loaded.memory.make_room():
                return
            if len(self.slots) > 1 or self._is_working:
                youngest = self.slots.pop()
                assert youngest.prefix is not None
                loaded.memory.suspend(youngest.prefix)
                self._suspended.appendleft(youngest)
                return
            err = Error(
                f"The context of {loaded.context.n_ctx} tokens is full.",
                hint="Start a new conversation, or raise engine.context in the settings.",
                kind="context-full",
            )
        else:
            err = decode_error(loaded.model, code)
        for slot, _n, _row in parts:
            assert slot.prefix is not None
            if code != NO_ROOM:
                slot.prefix.clear()
            self._fail(slot, err)

    def _chunk(self, *, is_writing: bool) -> int:
        """How many tokens of prompts may be computed in this step."""
        if len(self.slots) <= 1:
            return self._loaded.context.n_batch  # it can be stopped inside
        return max(_LEAST_CHUNK, int(self._prompt_speed * (STALL_S if is_writing else _PIECE_S)))


def _say_cancelled(ticket: Ticket, n_prompt_tokens: int = 0) -> None:
    """The last words to somebody for whom nothing was written."""
    ticket.send(Usage(n_prompt_tokens, 0, 0, queue_s=time.monotonic() - ticket.received_at))
    ticket.send(Finished("cancelled"))
