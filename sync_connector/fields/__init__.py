"""Rules for one value each: phone, email, name, country. Pure: text in, value and findings out.

A rule takes a whole column and gives a whole column, so that a faster way of doing a column can take its place.
"""
