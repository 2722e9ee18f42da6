#pragma once

// What makes runs durable, behind an interface of its own: opaque records in one order, each with
// key columns. Until the disk-backed one exists, MemoryJournal answers at once and forgets at exit
// (runs are of class `express`).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace sluice::journal {

enum class RecordKind : std::uint8_t {
  kApp,
  kAccept,
  kCommit,
  kAttempt,
  kWait,
  kAnswer,
  kCancel,
  kEnd,
  kForget
};

struct Record {
  RecordKind kind = RecordKind::kAccept;
  std::string ns = "default";
  RunId run;
  std::string workflow;
  std::string idempotency_key;
  std::string bytes;  // Encoded by node; opaque here.
};

using RecordNumber = std::uint64_t;  // From 1, in order.

class Journal {
 public:
  virtual ~Journal() = default;
  // `on_ordered` is called (maybe before append returns) when the records have their place in the
  // order; `on_durable` when they are on disk. Both with the number of the last one. Loop thread.
  virtual void append(std::vector<Record> records,
                      std::move_only_function<void(RecordNumber)> on_ordered,
                      std::move_only_function<void(RecordNumber)> on_durable) = 0;
  virtual Status load(const std::function<void(RecordNumber, const Record&)>& visitor) = 0;
  virtual void forget(const RunId& run) = 0;
  // Whether what was acknowledged as durable survives the process.
  virtual bool is_durable() const = 0;
};

std::unique_ptr<Journal> make_memory_journal();

}  // namespace sluice::journal
