"""Configuration to cells to run folder."""
