#include "core/scheduler_impl.h"

namespace sluice::core {
void Scheduler::Impl::check_invariants() const { timers_.check_invariants(); }
}  // namespace sluice::core
