#include "program/products.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

namespace sluice::program {

bool matches(std::string_view pattern, std::string_view path) {
  return ::fnmatch(std::string(pattern).c_str(), std::string(path).c_str(),
                   FNM_PATHNAME | FNM_PERIOD) == 0;
}

bool may_contain(std::string_view pattern, std::string_view folder) {
  // As many parts of the pattern as the folder has, and at least one behind.
  std::size_t end = 0;
  const auto parts = std::ranges::count(folder, '/') + 1;
  for (std::ptrdiff_t i = 0; i < parts; ++i) {
    end = pattern.find('/', i == 0 ? 0 : end + 1);
    if (end == std::string_view::npos) return false;
  }
  return matches(pattern.substr(0, end), folder);
}

ProductFiles::ProductFiles(const Product& product)
    : is_glob_(product.from == Product::From::kGlob),
      at_first_close_(product.at_first_close),
      pattern_(product.path) {}

bool ProductFiles::is_wanted(std::string_view path) const {
  return is_glob_ ? matches(pattern_, path) : path == pattern_;
}

ProductFiles::File& ProductFiles::add(const std::string& path) {
  const auto [at, is_new] = files_.try_emplace(path);
  if (is_new) {
    at->second.order = ++last_order_;
    waiting_.emplace(last_order_, path);
  }
  return at->second;
}

bool ProductFiles::is_late(const File& file, const std::string& path) {
  if (file.is_emitted && !changed_) changed_ = path;
  return file.is_emitted;
}

void ProductFiles::close(File& file, const std::string& path) {
  file.is_open = false;
  if (!std::exchange(file.was_closed, true)) closed_.emplace(++last_close_, path);
}

void ProductFiles::appeared(const std::string& path, bool is_closed) {
  File& file = add(path);
  if (is_late(file, path)) return;
  if (is_closed) {
    close(file, path);
  } else {
    file.is_open = true;
  }
}

void ProductFiles::written(const std::string& path) {
  File& file = add(path);
  if (!is_late(file, path)) file.is_open = true;
}

void ProductFiles::closed(const std::string& path) {
  File& file = add(path);
  // Closed again without having been written to: nothing has changed.
  if (!file.is_emitted) close(file, path);
}

void ProductFiles::gone(const std::string& path) {
  const auto at = files_.find(path);
  // What was emitted may be removed; coming back would be a change.
  if (at == files_.end() || at->second.is_emitted) return;
  waiting_.erase(at->second.order);
  std::erase_if(closed_, [&](const auto& entry) { return entry.second == path; });
  files_.erase(at);
}

std::string ProductFiles::emit(std::map<std::uint64_t, std::string>::iterator at) {
  std::string path = std::move(at->second);
  File& file = files_.at(path);
  file.is_emitted = true;
  waiting_.erase(file.order);
  return path;
}

std::optional<std::string> ProductFiles::next() {
  if (!is_glob_) {
    if (is_single_done_ || !(has_ended_ || (at_first_close_ && !closed_.empty()))) {
      return std::nullopt;
    }
    is_single_done_ = true;
    add(pattern_);
    return emit(waiting_.begin());
  }
  if (at_first_close_ && !closed_.empty()) {
    const auto first = closed_.begin();
    std::string path = std::move(first->second);
    closed_.erase(first);
    return emit(waiting_.find(files_.at(path).order));
  }
  if (waiting_.empty()) return std::nullopt;
  const auto first = waiting_.begin();
  const bool is_whole =
      !at_first_close_ && !files_.at(first->second).is_open && first->first < last_order_;
  if (!has_ended_ && !is_whole) return std::nullopt;
  return emit(first);
}

}  // namespace sluice::program
