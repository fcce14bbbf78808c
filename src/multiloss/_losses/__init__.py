"""What the losses are: formula, function and docstring of each in one place, by family.

A formula is written on the namespace ``xp`` that it is given. The operands were checked before:
floating-point arrays of one dtype whose shapes broadcast. A parameter is a number, or an array of
that dtype which broadcasts with them; one that is out of its domain is NaN.

Each loss has to survive automatic differentiation, once and twice. That of ``xp.where`` looks into
the branch that was not taken, so both branches get operands that are safe for them. The derivative
of ``xp.abs`` at zero is zero, which the engines see to.
"""
