"""What a result was made with: machine, versions, memory."""

import functools
import importlib.metadata
import os
import platform
import sys
from typing import Any

_PACKAGES = (
    "tensorflow",
    "tf-keras",
    "tensorflow-recommenders",
    "numpy",
    "scikit-learn",
    "scipy",
    "faiss-cpu",
)


def package_versions() -> dict[str, str]:
    """Versions of moc_tf and of the packages that results depend on."""
    from moc_tf import __version__

    return {"moc_tf": __version__} | _installed()


@functools.cache
def _installed() -> dict[str, str]:
    """Versions of the packages, which take milliseconds to read."""
    return {package: importlib.metadata.version(package) for package in _PACKAGES}


def describe_environment() -> dict[str, Any]:
    """Machine, Python, packages and the variables that change numbers or speed."""
    prefixes = ("TF_", "OMP_", "MKL_", "OPENBLAS_", "XLA_", "MALLOC_", "GLIBC_TUNABLES")
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "package_versions": package_versions(),
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(prefixes) and os.sep not in value
        },
    }


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, earlier runs too, in MiB."""
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux; platform knows less, but something
    return platform.processor()
