"""Mutation: wrong strategies made out of right ones, and how many of them `clearfw check` finds.

source reads a strategy; operators change one place of it; narrowed does so at one init point; faults put one
mistake under one condition; equivalent knows what changes nothing; judge asks the check; report tells.
"""
