"""The lab's own database: what awaits review, what was released, what was received.

Glossary
    draft       a claim that is ready to leave and waits for a person
    release     a draft that somebody let go, with who and when
    received    a verified claim of another member
"""
