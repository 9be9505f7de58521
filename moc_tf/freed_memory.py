"""Whether the C library gives freed memory back to the system at once."""

import ctypes

# Of glibc's <malloc.h>. Setting one ends the adjusting of all three, so all are set.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MIB = 1 << 20


def keep_freed_memory() -> bool:
    """Makes this process use freed memory again before it asks the system for more.

    TensorFlow allocates the tensors of each step anew. Of version 2.21 it tells glibc,
    once a data set comes from a generator, to give back whatever is freed (it logs
    "M_TRIM_THRESHOLD=128 kb was set"), and by that ends glibc's own adjusting. The next
    step then has a page fault for every 4 KiB that it touches: in a virtual machine a
    quarter of the CPU time of training a small ranker. After this call it has not,
    whether it comes before TensorFlow's or after. What is computed stays the same to
    the last bit. The process may hold up to 1 GiB more than it uses.

    It is of the whole process, so a program of yours may call it, and best before the
    first step; importing `moc_tf` does not. `experiments` and workers do.

    Returns:
      Whether it is so now; False, and nothing changes, where there is no glibc.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt = library.mallopt
        library.gnu_get_libc_version  # noqa: B018 - others have a mallopt without effect
    except (AttributeError, OSError, TypeError):  # TypeError: on Windows
        return False
    settings = {
        _MMAP_THRESHOLD: 32 * _MIB,  # the most that every version takes
        _TRIM_THRESHOLD: 1024 * _MIB,
        _TOP_PAD: 64 * _MIB,  # stays, whatever the threshold
    }
    return all(mallopt(name, value) == 1 for name, value in settings.items())
