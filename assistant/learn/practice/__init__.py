"""Databases that are made up, with their questions: what a model practises on before it learns a database."""
