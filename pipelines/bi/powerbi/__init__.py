"""The semantic layer as a Power BI project: text files that Power BI Desktop opens.

``tmdl`` writes the model and ``pbir`` the report, Power BI's two text formats. ``power_query`` and
``sources`` write the queries that load gold. ``project`` puts the files into a folder.
"""
