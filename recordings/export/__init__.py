"""Recordings in other programs' formats: tables, diagrams, traces and packets."""
