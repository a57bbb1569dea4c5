//! A serializer around another that refuses numbers JSON cannot write and knows one zero only.

use serde::Serialize;
use serde::ser::{self, Error as _, Serializer};

use super::{Reason, UnstorableError};

/// Forwards everything to `inner`; looks at floats on the way.
pub(super) struct Checked<'r, S> {
    pub(super) inner: S,
    pub(super) reason: &'r Reason,
}

/// A value that is serialised through [`Checked`] wherever `inner` meets it.
struct Inside<'r, 'v, T: ?Sized> {
    value: &'v T,
    reason: &'r Reason,
}

impl<T: Serialize + ?Sized> Serialize for Inside<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Checked { inner: serializer, reason: self.reason })
    }
}

impl<'r, S> Checked<'r, S> {
    fn around<C>(reason: &'r Reason, inner: C) -> Checked<'r, C> {
        Checked { inner, reason }
    }

    fn inside<'v, T: ?Sized>(&self, value: &'v T) -> Inside<'r, 'v, T> {
        Inside { value, reason: self.reason }
    }
}

macro_rules! forward {
    ($($method:ident($($type:ty)?)),* $(,)?) => {$(
        fn $method(self $(, value: $type)?) -> Result<S::Ok, S::Error> {
            self.inner.$method($({ let value: $type = value; value })?)
        }
    )*};
}

impl<'r, S: Serializer> Serializer for Checked<'r, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Checked<'r, S::SerializeSeq>;
    type SerializeTuple = Checked<'r, S::SerializeTuple>;
    type SerializeTupleStruct = Checked<'r, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Checked<'r, S::SerializeTupleVariant>;
    type SerializeMap = Checked<'r, S::SerializeMap>;
    type SerializeStruct = Checked<'r, S::SerializeStruct>;
    type SerializeStructVariant = Checked<'r, S::SerializeStructVariant>;

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if !value.is_finite() {
            self.reason.set(Some(UnstorableError::NotFinite));
            return Err(S::Error::custom(UnstorableError::NotFinite));
        }
        // adding zero turns -0.0 into 0.0 and leaves every other number as it is
        self.inner.serialize_f64(value + 0.0)
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if !value.is_finite() {
            self.reason.set(Some(UnstorableError::NotFinite));
            return Err(S::Error::custom(UnstorableError::NotFinite));
        }
        self.inner.serialize_f32(value + 0.0)
    }

    forward! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_i128(i128), serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
        serialize_u128(u128), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
        serialize_none(), serialize_unit(), serialize_unit_struct(&'static str),
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.inside(value);
        self.inner.serialize_some(&value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.inside(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.inside(value);
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Self::around(self.reason, self.inner.serialize_seq(len)?))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Self::around(self.reason, self.inner.serialize_tuple(len)?))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Self::around(self.reason, self.inner.serialize_tuple_struct(name, len)?))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Ok(Self::around(self.reason, self.inner.serialize_tuple_variant(name, index, variant, len)?))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Self::around(self.reason, self.inner.serialize_map(len)?))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        // serde_json's way of passing text through unread: nothing here could vouch for it
        if name.starts_with("$serde_json::private::") {
            return Err(S::Error::custom("raw JSON, which cannot be checked"));
        }
        Ok(Self::around(self.reason, self.inner.serialize_struct(name, len)?))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Ok(Self::around(self.reason, self.inner.serialize_struct_variant(name, index, variant, len)?))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! elements {
    ($($trait:ident :: $method:ident),* $(,)?) => {$(
        impl<C: ser::$trait> ser::$trait for Checked<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let value = self.inside(value);
                self.inner.$method(&value)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

macro_rules! fields {
    ($($trait:ident),* $(,)?) => {$(
        impl<C: ser::$trait> ser::$trait for Checked<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                let value = self.inside(value);
                self.inner.serialize_field(key, &value)
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(key)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl<C: ser::SerializeMap> ser::SerializeMap for Checked<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = self.inside(value);
        self.inner.serialize_value(&value)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
