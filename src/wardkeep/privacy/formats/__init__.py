"""Files as records of fields: what is free text, what a place says it is, and how the file is put together again.

Plain text, JSON and JSON lines, CSV and TSV, FHIR R4 JSON, HL7 v2. A reader gives every value of the file, so that
nothing passes unread; a file that it cannot read whole is refused whole (`DocumentUnreadable`).
"""
