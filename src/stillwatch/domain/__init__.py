"""The field's nouns as frozen types. Standard library only; imported by every room."""
