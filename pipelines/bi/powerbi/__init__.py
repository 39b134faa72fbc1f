"""The Power BI project: a semantic model and a report as text, made from the gold declarations.

``model`` says which tables, columns and relationships there are, ``measures`` the figures, ``sources``
how Power Query reads a gold table, ``pages`` what the report shows; ``tmdl`` and ``pbir`` write that
in Power BI's two text formats, and ``project`` puts the files into a folder.
"""
