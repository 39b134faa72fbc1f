"""The report as one HTML file: the pages and figures of the Power BI report, made from gold without Spark."""
