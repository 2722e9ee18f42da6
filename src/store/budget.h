#pragma once

// One sum that may not pass its limit: bytes are charged before they are handed out, so whoever got
// some cannot be the one who breaks the limit. Decides only; the simulator uses it as it is.

#include <algorithm>

#include "base/check.h"
#include "base/units.h"

namespace sluice::store {

class Budget {
 public:
  explicit Budget(ByteCount limit) : limit_(limit) {}

  // False, and nothing charged, where that would pass the limit.
  [[nodiscard]] bool try_charge(ByteCount size) {
    if (size > left()) return false;
    charged_ += size;
    peak_ = std::max(peak_, charged_);
    return true;
  }
  void refund(ByteCount size) {
    SLUICE_ASSERT(size <= charged_, "refund of {} with {} charged", size.value, charged_.value);
    charged_ -= size;
  }

  ByteCount limit() const { return limit_; }
  ByteCount charged() const { return charged_; }
  ByteCount peak() const { return peak_; }
  ByteCount left() const { return limit_ - charged_; }

 private:
  ByteCount limit_;
  ByteCount charged_{};
  ByteCount peak_{};
};

}  // namespace sluice::store
