#pragma once

// One attempt as a simulated worker lives it: reads its inputs under credit, computes, emits, ends
// - or meets its fate before that. Decides only; the world asks for the next step and carries it
// out.

#include <deque>
#include <optional>
#include <vector>

#include "base/random.h"
#include "oracle.h"

namespace sluice::sim {

class Worker {
 public:
  enum class Fate : std::uint8_t { kEndsWell, kCrashes, kIsLost, kHangs };
  struct Plan {
    Fate fate = Fate::kEndsWell;
    std::uint32_t steps_left = 0;  // Until the fate.
    Digest lie = 0;                // Mixed into all that it emits, if not 0.
    bool slow = false;
    double open_outputs = 0;
  };

  struct Step {
    enum class Kind : std::uint8_t {
      kNothing,
      kStarted,
      kBlocked,
      kUnblocked,
      kConsumed,
      kEmitted,
      kSealed,
      kDone,
      kFailed,
      kCrashed,
      kLost,
      kHung,
    };
    Kind kind = Kind::kNothing;
    std::uint32_t slot = 0;  // kConsumed
    std::uint32_t elements = 0;
    std::uint32_t port = 0;  // kEmitted, kSealed
    Digest digest = 0;
    bool is_open = false;
  };

  Worker(const Scenario& scenario, const core::TaskKey& task, Plan plan, std::uint64_t seed);

  // ---- what it is given at its start and later
  void bind_literal(std::uint32_t slot, Value value);
  void bind_object(std::uint32_t slot, ObjectId object, Digest digest, bool sealed);
  void bind_list(std::uint32_t slot);
  void bind_late(std::uint32_t slot);  // One of the others follows, or
  void bind_absent(std::uint32_t slot);
  void deliver(const core::Deliver& deliver, Digest digest);
  void object_sealed(ObjectId object);

  // Whether next_step() would give something; else it waits for data.
  bool can_go_on() const;
  Step next_step();
  bool is_slow() const { return plan_.slow; }
  // Why what was delivered makes no sense; nothing if it does.
  const std::optional<std::string>& complaint() const { return complaint_; }
  // Emitted so far, by port.
  const std::vector<std::vector<Digest>>& emitted() const { return emitted_; }
  bool reads(ObjectId object) const;

 private:
  struct Input {
    enum class Kind : std::uint8_t { kAbsent, kValue, kObject, kList, kLate } kind = Kind::kAbsent;
    Value value;
    ObjectId object;
    bool complete = true;
    bool in_inner = false;
    std::uint32_t credit = 16;          // What core believes that we have room for.
    std::deque<core::Deliver> arrived;  // Not looked at yet.
    std::deque<Digest> arrived_digests;
  };
  bool lacks_input() const;
  void choose_mapped();
  void consume(std::uint32_t slot, Step& step);
  void compute();
  void add_output(std::uint32_t port, Digest digest);
  Step fate();

  const Scenario& scenario_;
  core::TaskKey task_;
  Plan plan_;
  Random random_;
  std::vector<Input> inputs_;
  std::optional<std::uint32_t> mapped_;  // The slot whose elements are mapped.
  bool started_ = false;
  bool blocked_ = false;
  bool computed_ = false;
  bool fails_ = false;
  std::deque<Step> outputs_;
  std::vector<std::vector<Digest>> emitted_;
  std::optional<std::string> complaint_;
};

}  // namespace sluice::sim
