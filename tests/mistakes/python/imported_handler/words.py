from lib.text import count_words as count
