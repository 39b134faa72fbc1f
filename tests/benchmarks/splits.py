"""What a micro-batch's time consists of, by the streams' own metrics."""

SPLIT = {
    "looking for changes": "offsets_seconds",
    "planning the batch": "planning_seconds",
    "reading, computing and writing": "work_seconds",
    "the checkpoint": "checkpoint_seconds",
}
"""What a batch consists of, in words, and the column of gold.pipeline_metrics that has its seconds."""
