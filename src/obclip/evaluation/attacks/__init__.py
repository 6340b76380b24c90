"""``obclip attack``: games in which a server tries to find the choice, against every method.

Protects: nothing; it measures. Each game also plays against planted leaks, which it must find: an
attack that cannot win says nothing when it loses.
"""
