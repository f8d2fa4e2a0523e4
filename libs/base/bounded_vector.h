// A vector with a fixed capacity inside the object: pushing beyond it is refused, never a reallocation.
#pragma once
#include <array>
#include <cstddef>

namespace motet {

template <class T, std::size_t Capacity>
class BoundedVector {
public:
    static constexpr std::size_t capacity = Capacity;

    bool push(const T& value) {
        if (size_ == Capacity) return false;
        items_[size_++] = value;
        return true;
    }
    void erase(std::size_t index) {
        for (std::size_t i = index + 1; i < size_; ++i) items_[i - 1] = items_[i];
        --size_;
    }
    void clear() { size_ = 0; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    bool full() const { return size_ == Capacity; }
    T& operator[](std::size_t i) { return items_[i]; }
    const T& operator[](std::size_t i) const { return items_[i]; }
    T* begin() { return items_.data(); }
    T* end() { return items_.data() + size_; }
    const T* begin() const { return items_.data(); }
    const T* end() const { return items_.data() + size_; }

private:
    std::array<T, Capacity> items_{};
    std::size_t size_ = 0;
};

}  // namespace motet
