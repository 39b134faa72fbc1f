"""The figures of a model show what is in the data as it is."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ml.explanation import Node
from pipelines.ml.plots import tree_figure
from pipelines.ml.targets import IN_SESSION

labels = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(
    [r"$\frac{$", "$x", "$a$ $", r"$\input{/etc/passwd}$", "\\", "$$", r"$\unknown$", "_{^", "\x1b[2J", "</svg>", "\0"]
)


@pytest.mark.filterwarnings("ignore:Glyph")
@settings(max_examples=15, deadline=None)
@given(labels)
def test_a_category_is_no_formula_in_the_tree_s_figure(label):
    leaves = (Node(3, 0.1), Node(4, 0.9))
    tested = IN_SESSION.inputs[0]
    tree = Node(7, 0.5, tested, tuple((f"category is {label}", leaf) for leaf in leaves))
    tree_figure(tree, IN_SESSION).savefig(BytesIO(), format="png", dpi=20)
