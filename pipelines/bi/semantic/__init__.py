"""The semantic layer: tables, relationships, measures and pages, whatever shows them."""
