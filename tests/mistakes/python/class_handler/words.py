class count:
    def __call__(self, chunk):
        return 1
