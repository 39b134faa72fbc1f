"""Measures of data quality: records kept, quarantined and dropped as duplicates."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

EVERY_RULE = only('data_quality[rule] = "all"')
ONE_RULE = only('data_quality[rule] <> "all"')

MEASURES = (
    Measure(
        "Records received",
        "Records that came in, whatever became of them.",
        f"CALCULATE(SUM(data_quality[received]), {EVERY_RULE})",
        "data_quality",
        "sum(received) FILTER (rule = 'all')",
        Format.COUNT,
    ),
    Measure(
        "Records kept",
        "Records that became an event.",
        f"CALCULATE(SUM(data_quality[kept]), {EVERY_RULE})",
        "data_quality",
        "sum(kept) FILTER (rule = 'all')",
        Format.COUNT,
    ),
    Measure(
        "Records quarantined",
        "Records that broke the contract and wait, or were discarded.",
        f"CALCULATE(SUM(data_quality[quarantined]), {EVERY_RULE})",
        "data_quality",
        "sum(quarantined) FILTER (rule = 'all')",
        Format.COUNT,
    ),
    Measure(
        "Records repeated",
        "Records of an event that had arrived before.",
        f"CALCULATE(SUM(data_quality[duplicates]), {EVERY_RULE})",
        "data_quality",
        "sum(duplicates) FILTER (rule = 'all')",
        Format.COUNT,
    ),
    Measure(
        "Event ids reused",
        "Records that are kept and share their event_id with another event of the day.",
        f"CALCULATE(SUM(data_quality[event_id_reused]), {EVERY_RULE})",
        "data_quality",
        "sum(event_id_reused) FILTER (rule = 'all')",
        Format.COUNT,
    ),
    Measure(
        "Share quarantined",
        "The share of the records that are in quarantine.",
        ratio("Records quarantined", "Records received"),
        "data_quality",
        "sum(quarantined) FILTER (rule = 'all') / sum(received) FILTER (rule = 'all')",
        Format.SHARE,
    ),
    Measure(
        "Share repeated",
        "The share of the records that are repetitions.",
        ratio("Records repeated", "Records received"),
        "data_quality",
        "sum(duplicates) FILTER (rule = 'all') / sum(received) FILTER (rule = 'all')",
        Format.SHARE,
    ),
    Measure(
        "Rules broken",
        "Records in quarantine, counted once for each rule that they broke.",
        f"CALCULATE(SUM(data_quality[quarantined]), {ONE_RULE})",
        "data_quality",
        "sum(quarantined) FILTER (rule <> 'all')",
        Format.COUNT,
    ),
    Measure(
        "Newest day of arrival",
        "The last day on which a record arrived, in UTC.",
        "MAX(data_quality[arrived_on])",
        "data_quality",
        "max(arrived_on)",
        Format.DAY,
    ),
)
