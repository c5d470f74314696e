internal import DMATypes
