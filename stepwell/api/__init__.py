"""The server's doors: the AWS JSON 1.0 endpoint, health, and what other rooms put beside them.

Contains neither rules of the language nor of storage: it checks requests, asks the engine and the store, and words
answers as AWS words them.
"""
