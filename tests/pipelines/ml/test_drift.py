"""The population stability index tells changed rows from unchanged ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.table import Column
from pipelines.ml.drift import population_stability_index, profile

COLUMNS = (Column("number", "DOUBLE", "A number."), Column("text", "STRING", "A text."))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.floats(-5, 5), st.sampled_from([0.0, 1.0])), min_size=1, max_size=50))
def test_rows_do_not_drift_from_themselves(values):
    frame = pd.DataFrame({"number": pd.Series(values, dtype=float), "text": [str(one)[:2] for one in values]})
    found = population_stability_index(profile(frame, COLUMNS), frame)
    assert found == {"number": 0, "text": 0}


def test_changed_rows_drift():
    rng = np.random.default_rng(7)
    before = pd.DataFrame({"number": rng.normal(size=2_000), "text": rng.choice(["a", "b"], 2_000)})
    kept = json.loads(json.dumps(profile(before, COLUMNS)))
    alike = pd.DataFrame({"number": rng.normal(size=500), "text": rng.choice(["a", "b"], 500)})
    other = pd.DataFrame({"number": rng.normal(1, size=500), "text": rng.choice(["a", "new", None], 500)})
    assert max(population_stability_index(kept, alike).values()) < 0.03
    assert min(population_stability_index(kept, other).values()) > 0.25
