//! Without the feature `native`, or on a system where it is not built: signals are left alone.

pub(in crate::capture) const IS_BUILT: bool = false;

pub(in crate::capture) fn install() {}

#[cfg(feature = "host")]
pub(in crate::capture) fn stand_before(begin: impl FnOnce()) {
    begin();
}
