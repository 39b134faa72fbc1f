"""What it is worth: flat, plainly typed tables for people, for BI tools and for the model.

A module that declares TABLE is a table; it is found by its file, never registered anywhere.
"""
