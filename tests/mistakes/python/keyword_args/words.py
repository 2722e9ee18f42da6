def count(chunk, **options):
    return {}
