//! Every inner loop, slices in and slices out, for every instruction set; home of nearly all `unsafe`.


