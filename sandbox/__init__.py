"""A simulated library with known truth, and stand-ins for the vendors' servers on loopback.

What belongs here: the world (people, programme, posts), the vendor files and answers made from it, and the truth
that published figures are held against. What does not: anything production imports; and no rule of arithmetic that
the pipeline applies is imported from it, or the comparison would prove nothing.

Everything is drawn from a seed and the library's description. Nothing reads a clock.
"""
