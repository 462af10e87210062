"""What was computed before, found again: in the context, beside other answers, or parked in main memory.

A new prompt takes the longest beginning that any sequence holds. An idle sequence goes on where it is; a running one
shares its cells; a parked one is copied back. Idle sequences stay in the context only until another answer starts:
every cell in use slows all answers down, while copying a state out and back takes milliseconds. What
was saved on disk is the last resort. Knows tokens and sequences; knows nothing of requests.
"""

import mmap
import time
from array import array
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from rushlight.assistant.engine.context import Context
from rushlight.assistant.engine.kv_disk import LEAST_TOKENS as LEAST_ON_DISK
from rushlight.assistant.engine.kv_disk import Found, KvDisk
from rushlight.assistant.engine.prefix import Prefix
from rushlight.native import common_prefix_length

LEAST_TOKENS = 32  # shorter beginnings are computed again: that costs less than their memory
_TAIL_TOKENS = 16  # what a new prompt may cut off an old sequence without a copy being kept


@dataclass(frozen=True, slots=True)
class Parked:
    """The saved state of a sequence."""

    token_ids: "array[int]"
    computed_with: Hashable
    data: mmap.mmap


@dataclass(frozen=True, slots=True)
class Opened:
    """A sequence for a new answer, and where its beginning comes from."""

    prefix: Prefix
    n_cached: int = 0  # tokens that need not be computed
    n_shared: int = 0  # of these, whose cells another sequence holds too


class PrefixMemory:
    """The sequences of a context, running and idle, and the parked ones."""

    def __init__(
        self,
        context: Context,
        *,
        is_recurrent: bool,
        n_sequences: int = 1,
        ram_bytes: int = 0,
        disk: KvDisk | None = None,
    ) -> None:
        self.disk = disk
        self._context = context
        self._is_recurrent = is_recurrent
        self._ram_bytes = ram_bytes
        self.prefixes = [Prefix(context, is_recurrent=is_recurrent, sequence=i) for i in range(n_sequences)]
        self._running: set[int] = set()
        self._used_s = [0.0] * n_sequences
        self._parked: OrderedDict[int, Parked] = OrderedDict()
        self._n_parked = 0

    @property
    def parked_bytes(self) -> int:
        """Main memory in use for parked sequences."""
        return sum(len(parked.data) for parked in self._parked.values())

    @property
    def n_running(self) -> int:
        return len(self._running)

    # --- the life of a sequence ---------------------------------------------------------------------------------
    def open(self, prompt: Sequence[int], computed_with: Hashable, *, use_cache: bool = True, key: str = "") -> Opened:
        """A sequence that begins with as much of the prompt as is known; never with its last token.

        `key` names the conversation on disk, "" = none.
        """
        wanted = array("i", prompt[:-1])
        idle, n_idle = self._best_idle(wanted, computed_with) if use_cache else (None, 0)
        running, n_running = self._best_running(wanted, computed_with) if use_cache else (None, 0)
        number, n_parked = self._best_parked(wanted, computed_with) if use_cache else (-1, 0)
        n_best = max(n_idle, n_running, n_parked)
        restored = self._restored(key, wanted, computed_with, n_best) if key and use_cache else None
        if restored is None and key and use_cache and self.disk is not None:
            # Trying may have parked an idle sequence, or given up a parked one, to make room.
            idle, n_idle = self._best_idle(wanted, computed_with)
            number, n_parked = self._best_parked(wanted, computed_with)
        if restored is not None:
            opened = restored
        elif n_parked > max(n_idle, n_running) + LEAST_TOKENS:
            opened = self._open_parked(number, n_parked)
        elif n_running > n_idle:
            assert running is not None
            opened = self._open_shared(running, n_running)
        elif idle is not None and n_idle:
            opened = self._open_idle(idle, n_idle)
        else:
            opened = Opened(self._free_sequence())
        prefix = opened.prefix
        prefix.computed_with = computed_with
        self._running.add(prefix.sequence)
        self._park_idle()
        return opened

    def close(self, prefix: Prefix, key: str = "") -> None:
        """The answer is over; what was computed for it stays, and goes to disk where the conversation has a name."""
        if key and self.disk is not None and len(prefix.token_ids) >= LEAST_ON_DISK:
            data = self._context.save(prefix.sequence)
            if len(data) > 1:
                self.disk.save(key, array("i", prefix.token_ids), prefix.computed_with, data)
        self._running.discard(prefix.sequence)
        self._used_s[prefix.sequence] = time.monotonic()

    def suspend(self, prefix: Prefix) -> None:
        """The answer must make room; it is opened again later."""
        self.close(prefix)
        self._park(prefix)
        prefix.clear()

    def compact(self, prefix: Prefix) -> bool:
        """Move a sequence to the first cells of the context: what lies before its last cell is looked at for every
        token, empty or not. False: it is lost and must be computed again.
        """
        if self._is_recurrent or len(prefix.token_ids) < LEAST_TOKENS:
            return True
        data = self._context.save(prefix.sequence)
        if len(data) <= 1:
            return True
        self._context.remove(prefix.sequence)
        if not self._context.restore(prefix.sequence, data):
            prefix.clear()
            return False
        return True

    def make_room(self) -> bool:
        """Take an idle sequence out of the context, parked or not. False: there is none."""
        idle = [prefix for prefix in self._idle() if prefix.token_ids]
        if not idle:
            return False
        oldest = min(idle, key=lambda prefix: self._used_s[prefix.sequence])
        self._park(oldest)
        oldest.clear()
        return True

    def clear(self) -> None:
        """Forget everything that no answer is using."""
        for prefix in self._idle():
            prefix.clear()
        self._parked.clear()

    # --- the longest beginning ----------------------------------------------------------------------------------
    def _idle(self) -> list[Prefix]:
        return [prefix for prefix in self.prefixes if prefix.sequence not in self._running]

    def _usable(self, n_common: int, n_held: int) -> int:
        # A recurrent state cannot be cut: all of it is a beginning of the prompt, or it is of no use.
        return n_common if not self._is_recurrent or n_common == n_held else 0

    def _best_idle(self, wanted: "array[int]", computed_with: Hashable) -> tuple[Prefix | None, int]:
        best: tuple[Prefix | None, int] = (None, 0)
        for prefix in self._idle():
            if prefix.computed_with == computed_with and prefix.token_ids:
                n = self._usable(common_prefix_length(prefix.token_ids, wanted), len(prefix.token_ids))
                if n > best[1]:
                    best = prefix, n
        return best

    def _best_running(self, wanted: "array[int]", computed_with: Hashable) -> tuple[Prefix | None, int]:
        best: tuple[Prefix | None, int] = (None, 0)
        if self._is_recurrent:
            return best
        for sequence in self._running:
            prefix = self.prefixes[sequence]
            if prefix.computed_with == computed_with:
                n = common_prefix_length(prefix.token_ids, wanted)
                if n > max(best[1], LEAST_TOKENS - 1):
                    best = prefix, n
        return best

    def _best_parked(self, wanted: "array[int]", computed_with: Hashable) -> tuple[int, int]:
        best = (-1, 0)
        for key, parked in self._parked.items():
            if parked.computed_with == computed_with:
                n = self._usable(common_prefix_length(parked.token_ids, wanted), len(parked.token_ids))
                if n >= best[1]:
                    best = key, n
        return best

    # --- four ways to begin -------------------------------------------------------------------------------------
    def _open_idle(self, prefix: Prefix, n_kept: int) -> Opened:
        if len(prefix.token_ids) - n_kept > _TAIL_TOKENS:
            self._park(prefix)  # the rest may belong to another conversation
        return Opened(prefix, n_kept if prefix.cut(n_kept) else 0)

    def _open_shared(self, source: Prefix, n_shared: int) -> Opened:
        prefix = self._free_sequence()
        context, sequence = self._context, prefix.sequence
        context.share(source.sequence, sequence, n_shared)
        if context.n_positions(sequence) != n_shared or context.first_position(sequence) > 0:
            prefix.clear()  # the source has lost its beginning
            return Opened(prefix)
        prefix.token_ids = source.token_ids[:n_shared]
        return Opened(prefix, n_shared, n_shared)

    def _open_parked(self, key: int, n_kept: int) -> Opened:
        parked = self._parked[key]
        self._parked.move_to_end(key)
        prefix = self._free_sequence()
        while not self._context.restore(prefix.sequence, parked.data):
            prefix.clear()
            if not self.make_room():
                return Opened(prefix)
        prefix.token_ids = parked.token_ids.tolist()
        if len(parked.token_ids) - n_kept <= _TAIL_TOKENS:
            self._parked.pop(key, None)  # it lives in the context again
        return Opened(prefix, n_kept if prefix.cut(n_kept) else 0)

    def _restored(self, key: str, wanted: "array[int]", computed_with: Hashable, n_best: int) -> Opened | None:
        """From disk, where that saves more than what is in memory."""
        found: Found | None = self.disk.find(key, computed_with) if self.disk is not None else None
        if found is None or self.disk is None:
            return None
        n_kept = self._usable(common_prefix_length(found.token_ids, wanted), len(found.token_ids))
        if n_kept < n_best + LEAST_ON_DISK // 2:
            return None
        data = self.disk.read(found)
        if data is None:
            return None
        prefix = self._free_sequence()
        while not self._context.restore(prefix.sequence, data):
            prefix.clear()
            if not self.make_room():
                return None
        # llama.cpp checks the layout; that the state is of these tokens is the digest's word.
        if self._context.n_positions(prefix.sequence) != len(found.token_ids):
            prefix.clear()
            return None
        prefix.token_ids = found.token_ids.tolist()
        return Opened(prefix, n_kept if prefix.cut(n_kept) else 0)

    def _free_sequence(self) -> Prefix:
        """An empty sequence: an unused one, else the idle one that was not used for longest."""
        idle = self._idle()
        prefix = next((one for one in idle if not one.token_ids), None)
        if prefix is None:
            prefix = min(idle, key=lambda one: self._used_s[one.sequence])
            self._park(prefix)
        prefix.clear()
        return prefix

    # --- parking ------------------------------------------------------------------------------------------------
    def _park_idle(self) -> None:
        for prefix in self._idle():
            if prefix.token_ids and (self._park(prefix) or len(prefix.token_ids) < LEAST_TOKENS):
                prefix.clear()  # else there is no room outside: it stays as long as nobody needs its place

    def _park(self, prefix: Prefix) -> bool:
        """Keep a copy of a sequence outside the context. False: it is not worth it, or too large."""
        if len(prefix.token_ids) < LEAST_TOKENS or self._context.state_bytes(prefix.sequence) > self._ram_bytes:
            return False
        data = self._context.save(prefix.sequence)
        if len(data) <= 1:
            return False
        token_ids = array("i", prefix.token_ids)
        for key, parked in list(self._parked.items()):  # the beginning of this one: held twice otherwise
            is_alike = parked.computed_with == prefix.computed_with and not self._is_recurrent
            if is_alike and common_prefix_length(parked.token_ids, token_ids) == len(parked.token_ids):
                del self._parked[key]
        self._n_parked += 1
        self._parked[self._n_parked] = Parked(token_ids, prefix.computed_with, data)
        n_bytes = self.parked_bytes
        while n_bytes > self._ram_bytes:
            _key, dropped = self._parked.popitem(last=False)
            n_bytes -= len(dropped.data)
        return True
