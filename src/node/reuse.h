#pragma once

// The conversation about `cache: true`: the key of a task that is ready (core::Recall), what the
// cache has for it, and what is kept of a task that had to run. Loop thread.
//
// The key is a SHA-256 over the digest of the app's version, the name of the function and, port by
// port, what is bound to it: kind, size, checksum and file name of a value, of a list those of its
// elements. Large lists are gone through in shares, so that the loop does not stop for them.

#include <memory>
#include <unordered_map>
#include <vector>

#include "node/cache.h"
#include "node/dispatch.h"
#include "node/pump.h"

namespace sluice::node {

class Reuse {
 public:
  Reuse(Pump& pump, store::Store& store, RunLookup& runs, aio::Loop& loop, Cache& cache)
      : pump_(pump), store_(store), runs_(runs), loop_(loop), cache_(cache) {}

  void on(const core::Recall& recall);
  // False: the attempt is none that waits for an answer of the cache.
  bool on(const core::EndAttempt& end);
  void on(const core::KeepOutput& kept);
  void on(const core::Commit& commit);
  void on(const core::RunDrained& drained);

 private:
  struct Level {  // A list that is being gone through.
    core::Datum datum;
    std::uint32_t count = 0;
    std::uint32_t next = 0;
  };
  struct Asking {
    core::Attempt attempt;
    std::uint32_t number = 1;
    TimePoint ready;
    Sha256Stream key;
    std::uint32_t slot = 0;
    std::vector<Level> levels;
  };
  struct Missed {  // It runs, and may be kept when it commits.
    std::uint64_t epoch = 0;
    CacheKey key{};
    Cache::Values values;
    bool is_too_large = false;
  };
  enum class Progress : std::uint8_t { kDone, kMore, kNoKey };

  Asking* find(const core::Attempt& attempt);
  void go_on(const core::Attempt& attempt);
  Progress gather(Asking& asking);
  bool gather_slot(Asking& asking);
  bool gather_datum(Asking& asking, const core::Datum& datum);
  void ask(Asking& asking);
  void found(const core::Attempt& attempt, const CacheKey& key,
             std::optional<Cache::Values> values);
  void record(const Asking& asking, const Cache::Values& values);
  void release(const Cache::Values& values);
  void no_key(const core::Attempt& attempt);

  Pump& pump_;
  store::Store& store_;
  RunLookup& runs_;
  aio::Loop& loop_;
  Cache& cache_;
  // Bounded by the CPU slots of the node: each holds one.
  std::unordered_map<core::TaskKey, std::unique_ptr<Asking>, TaskHash> asking_;
  std::unordered_map<core::TaskKey, Missed, TaskHash> missed_;  // Of runs in core.
};

}  // namespace sluice::node
