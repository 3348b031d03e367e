//! The controller ends before and after every single request, and another one begins.
