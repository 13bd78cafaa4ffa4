"""Claims for the tools a lab already has: MISP, SIEMs that read OCSF, spreadsheets, STIX readers.

Glossary
    item     an object that was received or published here, with what it counts
    outcome  how many were written, and how many stayed and why
    up to    the strictest marking that may go into a file: who reads the file decides it
"""
