"""Gold: flat, plainly typed tables for people, for BI tools and for the model.

A module that declares TABLE is a table. It is found by its file, and registered nowhere.
"""
