#pragma once

// Results of functions that may be used again (`cache: true`), a file each below cache/: what a
// task has written, by the key of its function version and inputs. A result is there from the
// moment that it is added, in the store while its file is written; files outlive the server.
// Nothing is believed that does not have its checksum. Loop thread; files are read and written by
// bulk threads.

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "aio/loop.h"
#include "node/cache_header.h"
#include "node/cache_index.h"
#include "store/store.h"

namespace sluice::node {

class Cache {
 public:
  using Values = std::vector<CachedValue>;
  // Objects come with a reference for whoever is called.
  using Found = std::move_only_function<void(std::optional<Values>)>;

  // `disk_share`: of the disk that `folder` lies on, what all files may take.
  Cache(aio::BulkPool& bulk, store::Store& store, std::filesystem::path folder, double disk_share);
  ~Cache();

  // Blocking, at start: which results there are.
  void load();
  // Calls back at once, or when the file is read; with nothing if it is not there, or damaged.
  void find(const CacheKey& key, Found found);
  // Takes over a reference of each object. It is only a cache: what is too large, or comes faster
  // than it is written, is not kept.
  void add(const CacheKey& key, Values values);

  struct Stats {
    std::uint64_t hits = 0, misses = 0, damaged = 0, refused = 0, evicted = 0;
    std::uint64_t entries = 0, bytes = 0;
  };
  Stats stats() const;

 private:
  struct Load;
  struct Pending {  // Added, not in its file yet.
    Values values;
    std::uint64_t bytes = 0;
    bool is_written = false;  // A bulk thread is at it.
  };
  std::filesystem::path file_of(const CacheKey& key) const;
  void release(const Values& values);
  void write_next();
  void written(const CacheKey& key, std::uint64_t bytes, const Status& status);
  void remove_file(const CacheKey& key);
  void read_next(std::shared_ptr<Load> load);
  bool take_in(Load& load);  // False: what was read is not what was written, or there is no room.
  void finish(Load& load, bool is_good);

  aio::BulkPool& bulk_;
  store::Store& store_;
  std::filesystem::path folder_;
  CacheIndex index_;
  std::map<CacheKey, Pending> pending_;
  std::deque<CacheKey> to_write_;
  std::uint64_t pending_bytes_ = 0;
  std::size_t writing_ = 0;
  Stats stats_;
};

}  // namespace sluice::node
