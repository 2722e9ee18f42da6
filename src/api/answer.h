#pragma once

// How a handler answers. Control's replies come on any thread and must cost it nothing, so what the
// reply carries is brought to the http thread first, and only there made into a Response.

#include <functional>
#include <utility>

#include "api/problem.h"
#include "api/response.h"
#include "base/result.h"

namespace sluice::api {

using MakeResponse = std::move_only_function<Response()>;

class Answer {
 public:
  // `deliver` may be called on any thread, once; what it is given runs on the http thread.
  explicit Answer(std::move_only_function<void(MakeResponse)> deliver)
      : deliver_(std::move(deliver)) {}

  void with(Response response) && {
    deliver_([response = std::move(response)]() mutable { return std::move(response); });
  }
  // A reply for Control: `map` makes the response of the value, an error becomes a problem.
  template <class T, class Map>
  Reply<T> from(Map map) && {
    return [deliver = std::move(deliver_), map = std::move(map)](Result<T> result) mutable {
      deliver([map = std::move(map), result = std::move(result)]() mutable {
        if (!result) return to_response(result.error());
        if constexpr (std::is_void_v<T>) {
          return map();
        } else {
          return map(std::move(result).value());
        }
      });
    };
  }

 private:
  std::move_only_function<void(MakeResponse)> deliver_;
};

}  // namespace sluice::api
