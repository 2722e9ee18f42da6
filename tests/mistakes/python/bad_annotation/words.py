def count(chunk: "byt es") -> dict:
    return {}
