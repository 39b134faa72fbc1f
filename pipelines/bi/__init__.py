"""Gold for analysts: one semantic layer, written as a Power BI project and as an HTML report."""
