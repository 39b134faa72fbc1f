"""What the figures were measured on: nothing that names the machine or its owner."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from lakehouse.jvm import find_java

PACKAGES = ("pyspark", "delta-spark", "deltalake", "duckdb", "polars", "confluent-kafka", "pyarrow")


def machine() -> dict[str, Any]:
    """Processor, memory, system, and the versions of what did the work."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": _system(),
        "python": platform.python_version(),
        "java": find_java().says,
        "packages": {name: version(name) for name in PACKAGES},
    }


def has_priority() -> bool:
    """Whether this process goes before the machine's other work, as by ``chrt -r 5``."""
    return hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in {os.SCHED_RR, os.SCHED_FIFO}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"
