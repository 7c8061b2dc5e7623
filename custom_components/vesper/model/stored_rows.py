"""Store rows of numbers that begin with a time.

In the store, they are one list, and each row has the time since the row before, which
has fewer digits. In memory, they are packed: as objects, those of a device would take
13 kB.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import sub


def pack(rows: Iterable[Iterable[int]]) -> bytes:
    """Return packed rows.

    Raises OverflowError for numbers that are negative or need more than 32 bits.
    """
    return array("I", chain.from_iterable(rows)).tobytes()


def encode(times: Sequence[int], *columns: Iterable[int]) -> list[int]:
    """Return rows as they are stored."""
    later = map(sub, times, chain((0,), times), strict=False)
    return [*chain.from_iterable(zip(later, *columns, strict=True))]


def decode(stored: object, size: int) -> tuple[list[int], ...]:
    """Return the columns of stored rows, the times first.

    A row that is not complete is skipped. Raises OverflowError, TypeError or ValueError
    for anything but a list of whole numbers.
    """
    if not isinstance(stored, list):
        raise TypeError(stored)
    # It checks each number, without a loop of ours: 0.1 ms for each device at a start.
    numbers = array("q", stored)
    complete = len(numbers) // size * size
    times, *columns = (numbers[at:complete:size].tolist() for at in range(size))
    return [*accumulate(times)], *columns
