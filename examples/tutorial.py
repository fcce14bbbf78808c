"""The example of the tutorial from which the definitions of MSE and SSE come.

Ten classes of a handwritten digit; the target has the one at index 4. The tutorial prints the mean
and the half sum of squared errors of a right and of a wrong prediction. Its listing of the vectors
is lost: these are reconstructed, agree with everything its text says of them, and give all four
values digit for digit.
"""

TARGET = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
RIGHT = [0.1, 0.05, 0.1, 0.0, 0.7, 0.05, 0.0, 0.0, 0.0, 0.0]
WRONG = [0.1, 0.05, 0.7, 0.0, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0]
